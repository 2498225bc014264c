# What the machine has to be before anything on it is changed. Sourced by scripts/install, never run.
# shellcheck shell=bash
# shellcheck disable=SC2154 # settings and the like are the script's

check_machine() {
  [ "$(id -u)" = 0 ] || die "this has to run as root: sudo scripts/install"
  check_system
  [ -d /run/systemd/system ] ||
    die "this machine is not run by systemd; start croft serve by its own means (README, Settings)"
}

check_system() {
  local ID="" VERSION_ID="" PRETTY_NAME="this system"
  # shellcheck source=/dev/null
  if [ -r /etc/os-release ]; then source /etc/os-release; fi
  case "$ID" in
    debian) [ "${VERSION_ID%%.*}" -ge 12 ] 2>/dev/null || [ -z "$VERSION_ID" ] && return ;;
    ubuntu) [ "${VERSION_ID%%.*}" -ge 22 ] 2>/dev/null && return ;;
  esac
  die "$PRETTY_NAME is not supported: Debian 12 or Ubuntu 22.04 and later are"
}

# listeners PORT: ids of the processes that listen there, from the kernel's own tables, since ss may be missing.
listeners() {
  local hex inode
  hex=$(printf '%04X' "$1")
  cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v port=":$hex" '$4 == "0A" && substr($2, length($2) - 4) == port { print $10 }' |
    while read -r inode; do
      # Processes end while it looks.
      find /proc/[0-9]*/fd -maxdepth 1 -lname "socket:\[$inode\]" 2>/dev/null | cut -d/ -f3 || true
    done | sort -nu
}

# ours PID: an edge by its user, or the daemon by its unit.
ours() {
  [ "$(stat -c %u "/proc/$1" 2>/dev/null)" = "$(setting CROFT_EDGE_UID 7301)" ] ||
    [ "$1" = "$(systemctl show --property MainPID --value croft)" ]
}

check_port() {
  local what=$1 port=$2 pid name
  for pid in $(listeners "$port"); do
    if installed && ours "$pid"; then continue; fi
    name=$(cat "/proc/$pid/comm" 2>/dev/null || echo "a process that just ended")
    die "port $port is taken by $name (process $pid); end it, for a service by systemctl disable --now NAME, or set $what in $settings to others"
  done
}

# visitor_ports: of plain HTTP and HTTPS, as the daemon takes them from its settings.
visitor_ports() {
  local http https=off
  http=$(setting CROFT_HTTP 0.0.0.0:80)
  if [ "${http##*:}" = 80 ]; then https=0.0.0.0:443; fi
  https=$(setting CROFT_HTTPS "$https")
  printf '%s\n' "${http##*:}" "${https##*:}" | grep -v '^off$' || true
}

check_ports() {
  local port
  for port in $(visitor_ports); do check_port "CROFT_HTTP and CROFT_HTTPS" "$port"; done
  port=$(setting CROFT_LISTEN 127.0.0.1:7300)
  check_port CROFT_LISTEN "${port##*:}"
}
