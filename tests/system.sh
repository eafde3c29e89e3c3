#!/usr/bin/env bash
# What some tests need beside Python: PostgreSQL's server and Chromium, from Debian's packages. Where they cannot
# be installed (no apt-get, not root) those tests skip and say so.
set -euo pipefail
missing=()
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing+=(postgresql)
[ -x /usr/bin/chromium ] || missing+=(chromium)
[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "not installed, and only root may install it here: ${missing[*]}; the tests that need it are skipped"
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
# Debian's package starts a cluster of its own, which nobody here asks for: the tests start theirs on a free port.
mkdir -p /etc/postgresql-common
[ -e /etc/postgresql-common/createcluster.conf ] || echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
