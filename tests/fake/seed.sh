#!/usr/bin/env bash
# Use a seeded fake from a program that is not written in Python: this shell, with curl.
#     tests/fake/seed.sh FOLDER
set -euo pipefail
seed=$(readlink -f "$(dirname "${BASH_SOURCE[0]}")/seed.json")
cd "$1"

python -m circleci_v1_async.testing --seed "$seed" >fake.txt &
trap 'kill $!' EXIT
until [ "$(wc -l <fake.txt)" -eq 2 ]; do
    kill -0 $!
    sleep 0.1
done
api=$(head -n 1 fake.txt) token=$(tail -n 1 fake.txt)

ask() { curl --silent --header 'Accept: application/json' --user "$token:" "$@"; }
status() { ask --output /dev/null --write-out '%{http_code}\n' "$@"; }
expect() { [[ $2 == *"$1"* ]] || { printf 'expected %s, got: %s\n' "$1" "$2"; exit 1; }; }

expect 'down for a minute' "$(ask "$api/me")"
expect 418 "$(status "$api/me")"
expect 'X-Pot: tea' "$(ask --include "$api/me")"
expect '"login":"grace"' "$(ask "$api/me")"

build=$(ask "$api/project/gh/acme/web/4")
expect '"branch":"cart"' "$build"
expect '"novelty":{"kept":true}' "$build"
expect '"usage_queued_at":"2026-03-01T08:00:00.000Z"' "$build"
output=$(grep -o '"output_url":"[^"]*"' <<<"$build" | cut -d'"' -f4)
expect '[{"me' "$(curl --silent "$output" || true)"
expect '1 failed' "$(curl --silent "$output")"

ask "$api/project/gh/acme/web/4/artifacts" | grep -o '"url":"[^"]*"' | cut -d'"' -f4 >urls.txt
for name in report.txt dist/web.tar.gz core.dump; do
    ask --location --output "$(basename "$name")" "$(grep "$name" urls.txt)"
done
expect '1 failed' "$(cat report.txt)"
expect 1f8b08ff "$(od -An -tx1 web.tar.gz | tr -d ' \n')"
expect 100000 "$(wc -c <core.dump)"

expect '3 != 2' "$(ask "$api/project/gh/acme/web/4/tests")"
expect 'xxxx4321' "$(ask "$api/project/gh/acme/web/envvar")"
expect '"login":"grace"' "$(ask "$api/project/gh/acme/web/checkout-key")"
expect deploy.example "$(ask "$api/project/gh/acme/web/settings")"
expect badge "$(ask "$api/project/gh/acme/web/token")"
expect '"build_num":6' "$(ask "$api/project/gh/acme/web?limit=1")"
expect '"build_num":6' "$(ask "$api/project/gh/acme/web?limit=1")"

ask --fail --output /dev/null --data '{"branch":"pay"}' "$api/project/gh/acme/web"
for _ in {1..20}; do last=$(status "$api/me"); done
expect 429 "$last"
expect 'Retry-After: 7' "$(ask --include "$api/me")"
