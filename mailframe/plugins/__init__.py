"""Where plugins are declared: every module here, and in every ``mailframe/plugins/`` on the path.

A third party ships ``mailframe/plugins/theirs.py`` without an ``__init__.py`` beside it; the objects
it declares are found by `mailframe.registry`. Declarations are small and import nothing heavy.
"""

from twisted.plugin import pluginPackagePaths

__path__.extend(pluginPackagePaths(__name__))
__all__: list[str] = []
