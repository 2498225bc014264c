# Finds or installs the tools that the scripts need. Sourced by them, never run.
# shellcheck shell=bash

croft_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
croft_cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/croft
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

say() { printf '%s\n' "$*" >&2; }
die() {
  say "error: $*"
  exit 1
}

# wait_until SECONDS COMMAND…: true as soon as the command succeeds, false at the deadline.
wait_until() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.1
  done
}

# stop_pid PID [GRACE_SECONDS]: SIGTERM, then SIGKILL after the grace.
stop_pid() {
  kill -TERM "$1" 2>/dev/null || return 0
  wait_until "${2:-10}" eval "! kill -0 $1" || kill -KILL "$1" 2>/dev/null || true
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

package_installed() {
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# ensure_packages NAME…: installs the Debian packages that are missing.
ensure_packages() {
  local missing=() name
  for name in "$@"; do package_installed "$name" || missing+=("$name"); done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || die "please install ${missing[*]}: this machine has no apt-get"
  local log apt=(as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y
    -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -o Acquire::http::Timeout=30)
  log=$(mktemp)
  if [ -z "${croft_apt_updated:-}" ]; then
    say "updating package lists"
    # A third-party source that does not answer must not stop us: the install below tells the truth.
    "${apt[@]}" update >"$log" 2>&1 || say "apt-get update reported errors; going on"
    croft_apt_updated=yes
  fi
  say "installing ${missing[*]}"
  "${apt[@]}" install --no-install-recommends "${missing[@]}" >>"$log" 2>&1 || {
    tail -n 20 "$log" >&2
    rm -f "$log"
    die "could not install ${missing[*]}"
  }
  rm -f "$log"
}

# ensure_tools COMMAND[:PACKAGE]…: installs the package of each command that is not on the PATH.
ensure_tools() {
  local tool wanted=()
  for tool in "$@"; do
    command -v "${tool%%:*}" >/dev/null || wanted+=("${tool##*:}")
  done
  [ ${#wanted[@]} = 0 ] || ensure_packages "${wanted[@]}"
}

# ensure_idle_tools COMMAND[:PACKAGE]…: the same, but a package's service is not started (a proxy would take port 80).
ensure_idle_tools() {
  local policy=/usr/sbin/policy-rc.d
  if [ -e "$policy" ]; then
    ensure_tools "$@"
    return
  fi
  printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
  as_root chmod +x "$policy"
  # In a subshell, so that the file goes also when an install fails.
  local status=0
  (ensure_tools "$@") || status=$?
  as_root rm -f "$policy"
  [ "$status" = 0 ] || exit "$status"
}

# The one version of Bun that this checkout is written for.
bun_version() {
  sed -nE 's/.*"packageManager": *"bun@([^"]+)".*/\1/p' "$croft_root/package.json"
}

# bun_is PATH VERSION
bun_is() {
  [ "$("$1" --version 2>/dev/null)" = "$2" ]
}

# The npm package that carries Bun's binary for this machine; the plain one needs AVX2.
bun_package() {
  case "$(uname -m)" in
    aarch64 | arm64) echo @oven/bun-linux-aarch64 ;;
    *) if grep -qw avx2 /proc/cpuinfo; then echo @oven/bun-linux-x64; else echo @oven/bun-linux-x64-baseline; fi ;;
  esac
}

# bun_from_npm DIRECTORY VERSION: by any npm client; the package holds the binary itself and runs no scripts.
bun_from_npm() {
  local package
  package=$(bun_package)
  npm install --prefix "$1" --no-audit --no-fund --ignore-scripts --loglevel=error "$package@$2" >&2 || return 1
  mkdir -p "$1/bin"
  ln -sf "../node_modules/$package/bin/bun" "$1/bin/bun"
}

# bun_from_installer DIRECTORY VERSION: SHELL keeps the installer away from the user's shell profile.
bun_from_installer() {
  curl -fsSL --connect-timeout 10 --max-time 60 https://bun.sh/install -o "$1.install" || return 1
  ensure_tools unzip
  SHELL=/bin/sh BUN_INSTALL=$1 timeout 300 bash "$1.install" "bun-v$2" >&2
}

# ensure_bun: puts the right Bun first on the PATH.
ensure_bun() {
  local version directory
  version=$(bun_version)
  if bun_is bun "$version"; then return; fi
  directory=$croft_cache/bun-$version
  if ! bun_is "$directory/bin/bun" "$version"; then
    say "fetching Bun $version"
    mkdir -p "$croft_cache"
    rm -rf "$directory"
    if command -v npm >/dev/null && bun_from_npm "$directory" "$version"; then
      :
    elif command -v curl >/dev/null && bun_from_installer "$directory" "$version"; then
      rm -f "$directory.install"
    else
      ensure_packages npm
      bun_from_npm "$directory" "$version" || die "Bun $version could not be fetched"
    fi
    bun_is "$directory/bin/bun" "$version" || die "Bun in $directory is not version $version"
    ln -sf bun "$directory/bin/bunx"
  fi
  export PATH="$directory/bin:$PATH"
}

docker_answers() {
  command -v docker >/dev/null && timeout 10 docker version --format '{{.Server.Version}}' >/dev/null 2>&1
}

# Set to the pid of a dockerd that ensure_docker itself started; empty when it found one running.
docker_started_pid=""

# start_dockerd: for machines without systemd. Detached, so that Ctrl-C here does not take the engine along.
start_dockerd() {
  local log=$croft_cache/dockerd.log
  mkdir -p "$croft_cache"
  # After a crash the pid may by now belong to another program, and dockerd would refuse to start.
  local old=/var/run/docker.pid
  if [ -f "$old" ] && [ "$(cat "/proc/$(cat "$old")/comm" 2>/dev/null)" != dockerd ]; then as_root rm -f "$old"; fi
  say "starting dockerd (log: $log)"
  if [ "$(id -u)" = 0 ]; then
    setsid dockerd >"$log" 2>&1 </dev/null &
    docker_started_pid=$!
  else
    die "Docker is not running and only root can start it: sudo dockerd, or sudo systemctl start docker"
  fi
  wait_until 60 eval "docker_answers || ! kill -0 $docker_started_pid" && docker_answers && return
  say "dockerd did not come up; the end of its log:"
  tail -n 20 "$log" >&2
  stop_started_docker
  die "no Docker Engine"
}

# ensure_docker: an engine that answers, the running one if there is one.
ensure_docker() {
  if docker_answers; then return; fi
  if ! command -v dockerd >/dev/null; then
    local wanted=(docker.io)
    # Without its parser an engine on a kernel with AppArmor cannot start containers.
    if [ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" = Y ]; then wanted+=(apparmor); fi
    ensure_packages "${wanted[@]}"
  fi
  # Newer Debian has the client in a package of its own.
  command -v docker >/dev/null || ensure_packages docker-cli
  if [ -d /run/systemd/system ]; then
    as_root systemctl start docker || true
    wait_until 60 docker_answers && return
    journalctl -u docker -n 20 --no-pager >&2 || true
    die "Docker does not answer; see above, or: systemctl status docker"
  fi
  start_dockerd
}

# stop_started_docker: stops the engine only when ensure_docker started it.
stop_started_docker() {
  [ -n "$docker_started_pid" ] || return 0
  say "stopping the dockerd that this script started"
  stop_pid "$docker_started_pid" 30
  docker_started_pid=""
}
