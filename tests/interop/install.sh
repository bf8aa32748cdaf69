#!/bin/sh
# Installs the programs that the interop tests talk to. Starts no service: the tests start what they need.
set -e
wanted="dovecot-lmtpd gsasl msmtp haproxy nginx libnginx-mod-stream libnginx-mod-mail swaks fetchmail isync neomutt curl libnet-ssleay-perl libio-socket-ssl-perl openssl bsdutils postfix libnss-wrapper libgnutls-dane0 libidn12 libnsl2 libevent-2.1-7 libunbound8"
exim="${MAILFRAME_EXIM:-/opt/mailframe-interop/exim}"
node="${MAILFRAME_NODE:-/opt/mailframe-interop/node}"
# Whoever has node from elsewhere need not have Debian's.
command -v npm >/dev/null || wanted="$wanted nodejs npm"
missing=""
for package in $wanted; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q "ok installed" || missing="$missing $package"
done
[ -n "$missing" ] || [ ! -x "$exim/usr/sbin/exim4" ] || [ ! -d "$node/node_modules/nodemailer" ] || exit 0
as_root=""
[ "$(id -u)" -eq 0 ] || as_root="sudo"
$as_root apt-get update -qq
if [ -n "$missing" ]; then
    echo "Installing$missing ..."
    # Debian starts what it installs, unless this file says no.
    guard=/usr/sbin/policy-rc.d
    if [ ! -e "$guard" ]; then
        printf '#!/bin/sh\nexit 101\n' | $as_root tee "$guard" >/dev/null
        $as_root chmod 755 "$guard"
        trap '$as_root rm -f "$guard"' EXIT
    fi
    # shellcheck disable=SC2086
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi
if [ ! -x "$exim/usr/sbin/exim4" ]; then
    # Postfix's and Exim's packages exclude each other: Exim is unpacked beside the system.
    echo "Unpacking Exim into $exim ..."
    place=$(mktemp -d)
    (cd "$place" && apt-get download -qq exim4-daemon-light exim4-base >/dev/null 2>&1)
    $as_root mkdir -p "$exim"
    for package in "$place"/*.deb; do
        $as_root dpkg-deb -x "$package" "$exim"
    done
    # Its own user is in a list that a program with this bit would not be shown.
    $as_root chmod u-s "$exim/usr/sbin/exim4"
    rm -rf "$place"
fi
if [ ! -d "$node/node_modules/nodemailer" ]; then
    echo "Installing nodemailer into $node ..."
    $as_root mkdir -p "$node"
    $as_root npm install --silent --no-audit --no-fund --prefix "$node" nodemailer >/dev/null
fi
