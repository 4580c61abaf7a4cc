#!/usr/bin/env bash
# A PostgreSQL server's programs for the tests, which start servers of their own. Needs root on Debian.
#   infra/postgres.sh    install Debian's package, unless the programs are there; nothing is started
set -euo pipefail

say() { echo "postgres.sh: $*" >&2; }

present() { command -v postgres >/dev/null || ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1; }

install_postgres() {
  if ! command -v apt-get >/dev/null; then
    say "needs PostgreSQL's postgres and initdb; install them"
    return 1
  fi
  say "installing postgresql"
  export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 # where an init script would start a server, it does not
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends postgresql >/dev/null
}

if ! present; then install_postgres; fi
