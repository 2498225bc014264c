# Takes Croft off the machine again. Sourced by scripts/install, never run.
# shellcheck shell=bash
# shellcheck disable=SC2154 # settings and the like are the script's

run_uninstall() {
  local uid
  uid=$(setting CROFT_EDGE_UID 7301)
  if installed; then change "stop croft" stop_service; fi
  if [ -n "$(edges "$uid")" ]; then change "stop the edge" stop_edges "$uid"; fi
  if docker_answers; then remove_from_docker; fi
  remove_firewall_rules iptables
  remove_firewall_rules ip6tables
  close_firewall
  remove_file "$unit"
  remove_file "$rotation"
  remove_file "$sysctls"
  remove_file "$program"
  remove_file "$program.previous"
  if [ "$dry" = no ]; then systemctl daemon-reload; fi
  if [ "$purge" = yes ]; then purge_data; fi
  if [ "$changes" = 0 ]; then
    echo "nothing of Croft is installed here"
  elif [ "$purge" = no ] && [ -e "$(data_dir)" ]; then
    echo "kept: $(data_dir), $settings and the user $user; scripts/install brings every site back"
  fi
}

stop_service() {
  systemctl --quiet disable --now croft
  # What builds and commands were in; it is written below /run alone.
  systemctl stop croft_build.slice croft_one_off.slice 2>/dev/null || true
  rm -rf /run/systemd/system.control/croft_*.slice.d
}

# edges UID: the processes of the edge's user, which is nobody else's.
edges() {
  local folder
  for folder in /proc/[0-9]*; do
    if [ "$(stat -c %u "$folder" 2>/dev/null)" = "$1" ]; then echo "${folder#/proc/}"; fi
  done
}

stop_edges() {
  local pid
  systemctl stop 'croft-edge*' 2>/dev/null || true
  for pid in $(edges "$1"); do stop_pid "$pid" 15; done
}

# named_ours FORMAT COMMAND…: ids from a Docker listing. By name and label, since an image can bring labels along.
named_ours() { docker "$@" --filter label=croft.managed=true --filter name=croft- --quiet; }

remove_from_docker() {
  local containers networks images volumes
  mapfile -t containers < <(named_ours ps --all)
  mapfile -t networks < <(named_ours network ls)
  if [ ${#containers[@]} -gt 0 ]; then
    change "stop and remove ${#containers[@]} containers" remove_containers "${containers[@]}"
  fi
  if [ ${#networks[@]} -gt 0 ]; then
    change "remove ${#networks[@]} networks" quietly docker network rm "${networks[@]}"
  fi
  if [ "$purge" = no ]; then return; fi
  mapfile -t images < <(docker images --filter label=croft.managed=true --filter reference='croft/*' --format '{{.Repository}}:{{.Tag}}')
  if [ ${#images[@]} -gt 0 ]; then change "remove ${#images[@]} images" quietly docker rmi "${images[@]}"; fi
  # Their names only: what is in them lies in the data directory.
  mapfile -t volumes < <(named_ours volume ls)
  if [ ${#volumes[@]} -gt 0 ]; then change "remove ${#volumes[@]} volumes" quietly docker volume rm "${volumes[@]}"; fi
}

remove_containers() {
  docker stop --time 10 "$@" >/dev/null
  docker rm --force "$@" >/dev/null
}

remove_firewall_rules() {
  prints CROFT- "$1-save" -t filter || return 0
  change "remove Croft's chains from $1" drop_chains "$1"
}

# Jumps first: a chain that something leads to cannot be removed.
drop_chains() {
  "$1-save" -t filter | awk '
    /^-A .* -j CROFT-(INPUT|FORWARD)$/ { sub(/^-A/, "-D"); jumps = jumps $0 "\n" }
    /^:CROFT-(INPUT|FORWARD) / { name = substr($1, 2); chains = chains "-F " name "\n-X " name "\n" }
    END { printf "*filter\n%s%sCOMMIT\n", jumps, chains }' | "$1-restore" --noflush -w 5
}

close_firewall() {
  local rule
  command -v ufw >/dev/null || return 0
  for rule in $(ufw status | awk '/# croft$/ && !/\(v6\)/ { print $1 }'); do
    change "close port ${rule%/*} in ufw" quietly ufw delete allow "$rule"
  done
}

remove_file() {
  if [ -e "$1" ]; then change "remove $1" rm -f "$1"; fi
}

# The folder itself may be a link, or a disk of its own.
remove_data() {
  find -H "$1" -xdev -mindepth 1 -delete
  rmdir "$1" 2>/dev/null || rm "$1" 2>/dev/null || say "note: $1 is empty, but could not be removed itself"
}

# Volumes are file systems of their own: the folders that they are mounted at cannot be removed before.
unmount_volumes() {
  local mounted
  mapfile -t mounted < <(awk -v below="$1/" 'index($5, below) == 1 { print $5 }' /proc/self/mountinfo | tac)
  if [ ${#mounted[@]} -gt 0 ]; then change "unmount ${#mounted[@]} volumes" umount -- "${mounted[@]}"; fi
}

purge_data() {
  local folder
  folder=$(data_dir)
  if [ -d "$folder" ]; then
    # The name is from a file that people edit.
    [ -e "$folder/croft.db" ] || [ -z "$(ls -A "$folder")" ] || die "$folder does not look like Croft's data; nothing in it was removed"
    unmount_volumes "$folder"
    change "remove $folder with all data, master key and backups" remove_data "$folder"
  fi
  if [ -d "${settings%/*}" ]; then change "remove ${settings%/*}" rm -rf "${settings%/*}"; fi
  if id "$user" >/dev/null 2>&1; then change "remove the user $user" userdel "$user"; fi
}
