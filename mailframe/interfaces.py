"""Every public interface, for authors of plugins: one page to look at. Our own rooms do not import it."""

from mailframe.delivery.interfaces import IAttempts, IDelivery, INextHop, IReturnPath
from mailframe.delivery.protection.mta_sts.interfaces import IPolicyCache, IPolicyFetcher
from mailframe.dialogue.interfaces import IConnection, IConversation
from mailframe.directory.interfaces import (
    IAuthenticator,
    ICredentialSource,
    IDirectory,
    IDirectoryAdmin,
    IGrantAdmin,
    IKeepKeys,
    INameAccounts,
    ISASLAuthenticator,
    ISenderGrants,
    ISenderRights,
    ITokens,
)
from mailframe.dns.interfaces import IResolver
from mailframe.filters.interfaces import IFilter
from mailframe.limits.interfaces import ITallies
from mailframe.policy.interfaces import (
    IConclusionPolicy,
    IConnectPolicy,
    IContentPolicy,
    IHeloPolicy,
    IMailPolicy,
    IRecipientPolicy,
)
from mailframe.queue.interfaces import IHolding, ISpool, ISpoolRecords, IWakes
from mailframe.registry import (
    IAuthenticatorFactory,
    IDeliveryFactory,
    IDirectoryFactory,
    IFilterFactory,
    IMailStoreFactory,
    IPluginFactory,
    IPolicyFactory,
    IRoleFactory,
    ISpoolFactory,
)
from mailframe.routing.interfaces import ICatchAllGuard, IMailRouter, IRouter
from mailframe.store.interfaces import IHints, IMailAccount, IMailbox, IMailStore
from mailframe.tls.interfaces import IClientContexts, IServerContexts, ITLSPolicySource, ITLSReports

__all__ = [
    "IAttempts",
    "IAuthenticator",
    "IAuthenticatorFactory",
    "ICatchAllGuard",
    "IClientContexts",
    "IConclusionPolicy",
    "IConnectPolicy",
    "IConnection",
    "IContentPolicy",
    "IConversation",
    "ICredentialSource",
    "IDelivery",
    "IDeliveryFactory",
    "IDirectory",
    "IDirectoryAdmin",
    "IDirectoryFactory",
    "IFilter",
    "IFilterFactory",
    "IGrantAdmin",
    "IHeloPolicy",
    "IHints",
    "IHolding",
    "IKeepKeys",
    "IMailAccount",
    "IMailPolicy",
    "IMailRouter",
    "IMailStore",
    "IMailStoreFactory",
    "IMailbox",
    "INameAccounts",
    "INextHop",
    "IPluginFactory",
    "IPolicyCache",
    "IPolicyFactory",
    "IPolicyFetcher",
    "IRecipientPolicy",
    "IResolver",
    "IReturnPath",
    "IRoleFactory",
    "IRouter",
    "ISASLAuthenticator",
    "ISenderGrants",
    "ISenderRights",
    "IServerContexts",
    "ISpool",
    "ISpoolFactory",
    "ISpoolRecords",
    "ITLSPolicySource",
    "ITLSReports",
    "ITallies",
    "ITokens",
    "IWakes",
]
