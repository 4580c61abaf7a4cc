#!/usr/bin/env bash
# Build a base image from Debian's packages, for machines that reach no container registry.
#   infra/base_image.sh [--force] [TAG]        TAG: evolve-base:debian
# Needs root on Debian and a running engine. It holds Python with pip, a shell and coreutils; no apt and no compiler.
# EVOLVE_DEBIAN_MIRROR: another mirror than the usual one.
set -euo pipefail

force=false
if [ "${1:-}" = --force ]; then
  force=true
  shift
fi
tag=${1:-evolve-base:debian}
packages=python3,python3-pip,libstdc++6,dash,coreutils

# What maintainer scripts would do; they do not run, which is why this takes seconds.
finish() {
  local root=$1
  mkdir -p "$root"/{dev,proc,sys,run,root,home,var/tmp,usr/local/bin,usr/local/lib,etc/ssl/certs}
  chmod 1777 "$root/tmp" "$root/var/tmp"
  chmod 700 "$root/root"
  cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
  printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n' >"$root/etc/passwd"
  printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
  printf 'passwd: files\ngroup: files\nhosts: files dns\n' >"$root/etc/nsswitch.conf"
  ln -sf python3 "$root/usr/bin/python"
  ldconfig -r "$root" # the libraries of /usr/local too
}

release() {
  # shellcheck disable=SC1091
  . /etc/os-release
  if [ "${ID:-}" = debian ]; then echo "${VERSION_CODENAME:-bookworm}"; else echo bookworm; fi
}

need_tools() {
  if command -v mmdebstrap >/dev/null && [ -r /etc/ssl/certs/ca-certificates.crt ] \
    && [ -r /usr/share/keyrings/debian-archive-keyring.gpg ]; then
    return
  fi
  if ! command -v apt-get >/dev/null; then
    echo "base_image.sh: needs mmdebstrap, ca-certificates and debian-archive-keyring; install them" >&2
    exit 1
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends mmdebstrap ca-certificates debian-archive-keyring >/dev/null
}

if [ "${1:-}" = --finish ]; then # mmdebstrap calls this script back
  finish "$2"
  exit
fi
if ! docker version >/dev/null 2>&1; then
  echo "base_image.sh: no engine answers at ${DOCKER_HOST:-/var/run/docker.sock}. Start one: infra/engine.sh start" >&2
  exit 1
fi
if ! $force && docker image inspect "$tag" >/dev/null 2>&1; then
  echo "$tag exists; --force builds it anew" >&2
  exit
fi
if [ "$(id -u)" != 0 ]; then
  echo "base_image.sh: run it as root: unpacking a Debian system sets owners" >&2
  exit 1
fi

need_tools
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
self=$(readlink -f "$0")
if ! mmdebstrap --quiet --mode=root --variant=extract --include="$packages" \
  --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr --extract-hook="bash '$self' --finish \"\$1\"" \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
  "$(release)" "$work/root.tar" ${EVOLVE_DEBIAN_MIRROR:+"$EVOLVE_DEBIAN_MIRROR"} 2>"$work/log"; then
  tail -n 20 "$work/log" >&2
  echo "base_image.sh: Debian's packages could not be unpacked (above). Is a mirror reachable? See EVOLVE_DEBIAN_MIRROR." >&2
  exit 1
fi
# pip takes the host's certificates, and knows that no package manager owns its folders.
docker import --message 'Debian packages, unpacked' \
  --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
  --change 'ENV LANG=C.UTF-8' \
  --change 'ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt' \
  --change 'ENV PIP_BREAK_SYSTEM_PACKAGES=1' \
  --change 'LABEL evolve=1' \
  --change 'CMD ["/bin/sh"]' \
  "$work/root.tar" "$tag" >/dev/null
echo "built $tag; use it as sandbox.base_image=$tag or EVOLVE_BASE_IMAGE=$tag" >&2
