# Docker's data on a file system that can hold containers to a size: XFS with project quotas, in a file of its own.
# Sourced by scripts/install, never run.
# shellcheck shell=bash
# shellcheck disable=SC2154 # settings and the like are the script's

docker_folder=/var/lib/docker
docker_image=/var/lib/croft-docker.xfs
docker_mount=/etc/systemd/system/var-lib-docker.mount
docker_needs=/etc/systemd/system/docker.service.d/croft-disk.conf
# What the rest of the server keeps: the system, Croft's data, backups.
docker_disk_spares=$((5 * 1024 * 1024 * 1024))

check_docker_disk() {
  [ -n "$docker_disk" ] || return 0
  [[ "$docker_disk" =~ ^[1-9][0-9]{0,4}[gG]$ ]] || die "--docker-disk: $docker_disk is not a size such as 40g"
}

install_docker_disk() {
  local bytes free
  [ -n "$docker_disk" ] || return 0
  if [ -e "$docker_mount" ]; then return; fi
  if command -v dockerd >/dev/null || [ -n "$(ls -A "$docker_folder" 2>/dev/null)" ]; then
    say "note: --docker-disk is for a server without Docker; what is in $docker_folder stays where it is"
    return
  fi
  bytes=$((${docker_disk%[gG]} * 1024 * 1024 * 1024))
  free=$(df --output=avail --block-size=1 "${docker_image%/*}" | tail -n 1)
  [ $((bytes + docker_disk_spares)) -le "$free" ] ||
    die "--docker-disk: $docker_disk and 5 GB for all else do not fit into the $((free / 1024 / 1024 / 1024)) GB that are free"
  change "lay Docker's data on an XFS file system of $docker_disk with quotas, in $docker_image" make_docker_disk "$bytes"
}

# Written in whole: an image with holes would let the server's disk run full under Docker.
make_docker_disk() {
  ensure_packages xfsprogs
  rm -f "$docker_image"
  fallocate --length "$1" "$docker_image"
  chmod 600 "$docker_image"
  mkfs.xfs -q "$docker_image"
  if ! quotas_hold "$docker_image"; then
    rm -f "$docker_image"
    say "note: this kernel's XFS has no project quotas; Docker's data stays on the server's disk, and sites are measured"
    return 0
  fi
  put_mount
  systemctl daemon-reload
  systemctl --quiet enable --now "${docker_mount##*/}"
}

# quotas_hold IMAGE: whether this kernel mounts it with them.
quotas_hold() {
  local folder=$work/docker-disk
  mkdir -p "$folder"
  mount -o loop,pquota -- "$1" "$folder" 2>/dev/null || return 1
  umount -- "$folder"
}

# Docker is not started without it: it would begin anew, with no site at all.
put_mount() {
  mkdir -p "$docker_folder" "${docker_needs%/*}"
  cat >"$docker_mount" <<UNIT
# Docker's data. Written by scripts/install --docker-disk.
[Unit]
Description=Docker's data, with quotas
Before=docker.service

[Mount]
What=$docker_image
Where=$docker_folder
Type=xfs
Options=loop,pquota

[Install]
WantedBy=multi-user.target
UNIT
  printf '# Written by scripts/install --docker-disk.\n[Unit]\nRequiresMountsFor=%s\n' "$docker_folder" >"$docker_needs"
}
