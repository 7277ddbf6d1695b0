#!/usr/bin/env bash
# The alert rules by promtool: that of the PATH, else out of Debian's package, unpacked without its server.
set -euo pipefail
unpacked=$PWD/.cache/tools/prometheus
PATH=$PATH:$unpacked/usr/bin
if ! command -v promtool >/dev/null; then
    if ! command -v apt-get >/dev/null; then
        echo "not checked for want of promtool: the alert rules"
        exit 0
    fi
    mkdir -p "$unpacked"
    cd "$unpacked"
    apt-get download -qq prometheus 2>/dev/null || { apt-get update -qq && apt-get download -qq prometheus; }
    dpkg-deb -x prometheus_*.deb .
    cd "$OLDPWD"
fi
promtool check rules charts/attackacrack/files/rules/*.yaml
for tests in tests/chart/*_test.yaml; do
    [ ! -e "$tests" ] || promtool test rules "$tests"
done
