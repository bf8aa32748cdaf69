#!/bin/sh
# Installs the programs that the interop tests talk to. Starts no service: the tests start what they need.
set -e
wanted="swaks fetchmail isync neomutt curl libnet-ssleay-perl libio-socket-ssl-perl openssl bsdutils"
missing=""
for package in $wanted; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q "ok installed" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
echo "Installing$missing ..."
as_root=""
[ "$(id -u)" -eq 0 ] || as_root="sudo"
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -qq
# shellcheck disable=SC2086
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
