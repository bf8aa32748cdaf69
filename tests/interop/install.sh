#!/bin/sh
# Installs the programs that the interop tests talk to. Starts no service: the tests start what they need.
set -e
wanted="bsdutils curl dovecot-imapd dovecot-lmtpd dovecot-pop3d fetchmail getmail6 gsasl haproxy imapfilter interimap isync
    libio-socket-ssl-perl libnet-ssleay-perl ldnsutils libnginx-mod-mail libnginx-mod-stream libnss-wrapper mpop msmtp mutt neomutt nginx
    chromium offlineimap3 openssl php-cli php-gd php-intl php-mbstring php-sqlite3 php-xml php-zip postfix procmail
    maildrop roundcube-core roundcube-sqlite3 slapd swaks unbound
    uw-mailutils"
exim="${MAILFRAME_EXIM:-/opt/mailframe-interop/exim}"
courier="${MAILFRAME_COURIER:-/opt/mailframe-interop/courier}"
node="${MAILFRAME_NODE:-/opt/mailframe-interop/node}"
python="${MAILFRAME_PYTHON:-/opt/mailframe-interop/python}"
imapflow="2.10.2"
imapclient="4.1.0"
puppeteer="24.43.1"
# Whoever has node from elsewhere need not have Debian's.
command -v npm >/dev/null || wanted="$wanted nodejs npm"

exim_runs() {
    [ -x "$exim/usr/sbin/exim4" ] && ! ldd "$exim/usr/sbin/exim4" | grep -q "not found"
}

courier_runs() {
    [ -x "$courier/usr/bin/imapd" ] && [ -x "$courier/usr/lib/courier/courier/courierpop3d" ]
}

# A package of npm's, of exactly this version.
node_has() {
    grep -q "\"version\": \"$2\"" "$node/node_modules/$1/package.json" 2>/dev/null
}

# What npm and pip bring is all there.
others_run() {
    node_has imapflow "$imapflow" && node_has puppeteer-core "$puppeteer" && [ -d "$node/node_modules/nodemailer" ] && [ -d "$python/imapclient-$imapclient.dist-info" ]
}

# The packages among the arguments that are not installed.
absent() {
    for package; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q "ok installed" || printf ' %s' "$package"
    done
}

install() {
    echo "Installing $* ..."
    if apt-get install -s -qq --no-install-recommends "$@" | grep "^Remv" >&2; then
        echo "Installing them would remove the packages above; decide yourself, and install them by hand." >&2
        exit 1
    fi
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# shellcheck disable=SC2086
missing=$(absent $wanted)
[ -n "$missing" ] || ! exim_runs || ! courier_runs || ! others_run || exit 0
as_root=""
[ "$(id -u)" -eq 0 ] || as_root="sudo"
$as_root apt-get update -qq
if ! exim_runs; then
    # Postfix's and Exim's packages exclude each other: Exim is unpacked beside the system, its libraries are installed.
    # shellcheck disable=SC2046
    missing="$missing$(absent $(apt-cache depends exim4-daemon-light | sed -n 's/^ *|*Depends: \(lib.*\)/\1/p'))"
fi
if [ -n "$missing" ]; then
    # Debian starts what it installs, unless this file says no.
    guard=/usr/sbin/policy-rc.d
    if [ ! -e "$guard" ]; then
        printf '#!/bin/sh\nexit 101\n' | $as_root tee "$guard" >/dev/null
        $as_root chmod 755 "$guard"
        trap '$as_root rm -f "$guard"' EXIT
    fi
    # shellcheck disable=SC2086
    install $missing
fi
if ! exim_runs; then
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
if ! courier_runs; then
    # Its packages and Dovecot's exclude each other: with the libraries that it alone needs it is unpacked as well.
    echo "Unpacking Courier into $courier ..."
    place=$(mktemp -d)
    (cd "$place" && apt-get download -qq courier-imap courier-pop courier-base courier-authlib libcourier-unicode4 \
        libgamin0 libgdbm6 libidn12 >/dev/null 2>&1)
    $as_root mkdir -p "$courier"
    for package in "$place"/*.deb; do
        $as_root dpkg-deb -x "$package" "$courier"
    done
    rm -rf "$place"
fi
if ! [ -d "$node/node_modules/nodemailer" ] || ! node_has imapflow "$imapflow" || ! node_has puppeteer-core "$puppeteer"; then
    echo "Installing nodemailer, imapflow and puppeteer-core into $node ..."
    $as_root mkdir -p "$node"
    # puppeteer-core brings no browser: Debian's is used.
    $as_root npm install --silent --no-audit --no-fund --prefix "$node" nodemailer "imapflow@$imapflow" \
        "puppeteer-core@$puppeteer" >/dev/null
fi
if ! [ -d "$python/imapclient-$imapclient.dist-info" ]; then
    echo "Installing IMAPClient into $python ..."
    $as_root "${MAILFRAME_PIP_PYTHON:-python3}" -m pip install -qqq --disable-pip-version-check --root-user-action=ignore \
        --upgrade --target "$python" "IMAPClient==$imapclient"
fi
