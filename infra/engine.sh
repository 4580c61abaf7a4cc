#!/usr/bin/env bash
# A container engine for machines without one, for CI above all. Needs root on Debian.
#   engine=$(infra/engine.sh start) && eval "$engine"    use the engine that answers, else start one
#   infra/engine.sh status                               say which engine answers; exit code 1 if none does
#   infra/engine.sh stop                                 end the engine that start began, and no other
# Its files lie in EVOLVE_ENGINE_DIR (/var/lib/evolve-engine); images are kept there from one start to the next.
# start prints DOCKER_HOST, and EVOLVE_BUILD_NETWORK=host for its own, whose containers reach no network.
# With EVOLVE_ENGINE_PRIVATE=1 it starts its own even where another one answers.
set -euo pipefail

dir=${EVOLVE_ENGINE_DIR:-/var/lib/evolve-engine}
own=unix://$dir/docker.sock
pidfile=$dir/docker.pid
exec_root=$dir/exec
bridge=evolve-$(printf '%s' "$dir" | cksum | cut -c1-8)
start_seconds=60
stop_seconds=40

say() { echo "engine.sh: $*" >&2; }

answers() { DOCKER_HOST=$1 timeout 10 docker version >/dev/null 2>&1; }

# is_ours PIDFILE WORD: print the process of a pid file if its command line holds WORD; a stale file may name any process.
is_ours() {
  local pid
  pid=$(cat "$1" 2>/dev/null) || return 1
  [ -n "$pid" ] && tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline" | grep -qxF -- "$2" || return 1
  echo "$pid"
}
own_engine() { is_ours "$pidfile" "--pidfile=$pidfile"; }
own_containerd() { is_ours "$exec_root/containerd/containerd.pid" "$exec_root/containerd/containerd.toml"; }

found() {
  local usual=${DOCKER_HOST:-unix:///var/run/docker.sock}
  if [ "${EVOLVE_ENGINE_PRIVATE:-}" != 1 ] && answers "$usual"; then
    echo "$usual"
  elif own_engine >/dev/null && answers "$own"; then
    echo "$own"
  else
    return 1
  fi
}

install_engine() {
  if command -v dockerd >/dev/null && command -v docker >/dev/null && command -v ip >/dev/null; then return; fi
  if ! command -v apt-get >/dev/null; then
    say "needs dockerd, docker and ip; install them"
    return 1
  fi
  say "installing docker.io and iproute2"
  export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 # where an init script would start the engine, it does not
  apt-get update -qq
  local packages=(docker.io iptables iproute2)
  # Debian 13 has the client in a package of its own.
  if apt-cache show docker-cli >/dev/null 2>&1; then packages+=(docker-cli); fi
  apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
}

# wait_until SECONDS COMMAND...
wait_until() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -lt $deadline ] || return 1
    sleep 0.2
  done
}

gone() { ! kill -0 "$1" 2>/dev/null; }

ready_or_dead() { answers "$own" || gone "$1"; }

# Processes that keep containers of an engine that was killed, told by the socket on their command line.
shims() {
  local entry
  for entry in /proc/[0-9]*; do
    if tr '\0' '\n' 2>/dev/null <"$entry/cmdline" | grep -qxF -- "$exec_root/containerd/containerd.sock"; then
      echo "${entry#/proc/}"
    fi
  done
}

# What an engine leaves: at its end a mount; when it was killed, containers and files that name processes of long ago.
clear_leftovers() {
  local pid path
  if pid=$(own_containerd); then end "$pid"; fi
  for pid in $(shims); do
    # shellcheck disable=SC2046
    kill -KILL $(cat "/proc/$pid/task/"*/children 2>/dev/null) "$pid" 2>/dev/null || true
  done
  awk -v root="$dir/" 'index($2, root) == 1 {print $2}' /proc/mounts | sort -r | while read -r path; do umount -l "$path"; done
  rm -rf --one-file-system "$exec_root"
  rm -f "$pidfile" "$dir/docker.sock"
  if [ -e "/sys/class/net/$bridge" ]; then ip link delete "$bridge"; fi
}

# A bridge of its own that leads nowhere: with the usual one it would share, and with none it would delete, the
# docker0 of an engine beside it. Builds use the host's network and workers none, so no packet filter is touched.
# Its four link-local addresses are nobody else's route.
make_bridge() {
  ip link add "$bridge" type bridge
  ip address add 169.254.231.1/30 dev "$bridge"
  ip link set "$bridge" up
}

launch() {
  clear_leftovers
  make_bridge
  setsid dockerd --data-root="$dir/data" --exec-root="$exec_root" --pidfile="$pidfile" --host="$own" \
    --bridge="$bridge" --iptables=false --ip6tables=false --ip-forward=false --group=root >"$dir/log" 2>&1 </dev/null 9>&- &
  local pid=$!
  if ! wait_until $start_seconds ready_or_dead $pid || ! answers "$own"; then
    tail -n 20 "$dir/log" >&2
    say "the engine did not answer within $start_seconds s (its last words above; all of them: $dir/log)"
    stop
    return 1
  fi
}

start() {
  local host
  if ! host=$(found); then
    if [ "$(id -u)" != 0 ]; then
      say "no engine answers, and only root can start one"
      return 1
    fi
    if [ ${#dir} -gt 60 ]; then
      say "EVOLVE_ENGINE_DIR is too long for the path of a socket: at most 60 characters, found ${#dir}"
      return 1
    fi
    install_engine
    mkdir -p "$dir"
    chmod 711 "$dir"
    exec 9>"$dir/lock"
    flock 9 # a second start waits for the first, and finds its engine
    if ! host=$(found); then
      launch
      host=$own
    fi
  fi
  say "using the engine at $host"
  echo "export DOCKER_HOST=$host"
  if [ "$host" = "$own" ]; then echo "export EVOLVE_BUILD_NETWORK=host"; fi
}

end() {
  local pid=$1
  kill -TERM "$pid" 2>/dev/null || return 0
  wait_until $stop_seconds gone "$pid" || kill -KILL "$pid" 2>/dev/null || true
}

stop() {
  local pid
  if pid=$(own_engine); then
    end "$pid"
    say "ended the engine with process id $pid"
  else
    say "no engine of ours runs in $dir"
  fi
  if [ -d "$dir" ]; then clear_leftovers; fi
}

status() {
  local host
  if host=$(found); then
    echo "an engine answers at $host$([ "$host" != "$own" ] || echo " (ours, process $(own_engine))")"
  else
    echo "no engine answers at ${DOCKER_HOST:-unix:///var/run/docker.sock}, and none of ours runs in $dir"
    return 1
  fi
}

case "${1:-}" in
  start | stop | status) "$1" ;;
  *)
    sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
