#!/bin/sh
# Installs this checkout as a service, or updates it. Run again at any time: what is done already stays as it is.
#   sudo deploy/install.sh [--start]
# Puts the program into /opt/sightline/releases/VERSION-DATE, points /opt/sightline/current at it, and leaves the
# configuration (/etc/sightline) and the data (/var/lib/sightline) alone.
set -eu
say() { echo "install.sh: $*"; }
fail() { echo "install.sh: $*" >&2; exit 1; }

start=no
for option in "$@"; do
  case "$option" in
    --start) start=yes ;;
    *) fail "unknown option $option; usage: sudo deploy/install.sh [--start]" ;;
  esac
done
[ "$(id -u)" = 0 ] || fail "run it as root: sudo deploy/install.sh"
command -v npm >/dev/null || fail "npm is missing; any Node from 20 on brings it, see deploy/README.md"

source=$(cd "$(dirname "$0")/.." && pwd)
prefix=${SIGHTLINE_PREFIX:-/opt/sightline}
config=${SIGHTLINE_CONFIG:-/etc/sightline}
system=${SIGHTLINE_SYSTEM:-/etc}

say "building $source (installs the locked packages where needed)"
node "$source/scripts/sightline.mjs" --version >/dev/null || fail "the build failed; its messages are above"
version=$(node -p "require('$source/package.json').version")
release="$prefix/releases/$version-$(date -u +%Y%m%d%H%M%S)"

if id sightline >/dev/null 2>&1; then say "user sightline is there"; else
  say "creating the system user sightline, without a home and without a login"
  useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin sightline
fi
for group in video; do
  if getent group "$group" >/dev/null; then usermod -aG "$group" sightline; fi
done

say "copying to $release"
mkdir -p "$release"
for part in package.json package-lock.json dist scripts node_modules models firmware-config deploy docs; do
  if [ -e "$source/$part" ]; then cp -a "$source/$part" "$release/"; fi
done
chown -R root:root "$release"
chmod -R go-w,a+rX "$release"
[ -e "$prefix/current" ] && ln -sfn "$(readlink "$prefix/current")" "$prefix/previous"
ln -sfn "$release" "$prefix/current.new" && mv -T "$prefix/current.new" "$prefix/current"

mkdir -p "$config/secrets"
chown root:root "$config" "$config/secrets"
chmod 0755 "$config" && chmod 0700 "$config/secrets"
if [ -e "$config/device.yaml" ]; then say "$config/device.yaml is kept"; else
  say "writing $config/device.yaml from the simulated profile: change it for your camera and broker"
  sed -e "s#\.\./models#$prefix/current/models#" -e "s#\.\./data/station-1#/var/lib/sightline#" \
    "$source/firmware-config/simulated.yaml" > "$config/device.yaml"
  chmod 0644 "$config/device.yaml"
fi

say "installing the udev rules and the service"
mkdir -p "$system/udev/rules.d" "$system/systemd/system/sightline-edge.service.d"
if [ -e "$system/udev/rules.d/99-sightline-cameras.rules" ]; then say "your udev rules are kept"; else
  cp "$source/firmware-config/udev/99-sightline-cameras.rules" "$system/udev/rules.d/"
fi
cp "$source/deploy/sightline-edge.service" "$system/systemd/system/"
credentials="$system/systemd/system/sightline-edge.service.d/credentials.conf"
echo "# Written by install.sh from $config/secrets; run it again after adding a file there." > "$credentials"
echo "[Service]" >> "$credentials"
for secret in "$config/secrets"/*; do
  [ -f "$secret" ] || continue
  chmod 0600 "$secret"
  echo "LoadCredential=$(basename "$secret"):$secret" >> "$credentials"
done

old=$(ls -1dt "$prefix/releases"/* | tail -n +4)
for folder in $old; do
  case "$folder" in "$(readlink "$prefix/current")"|"$(readlink "$prefix/previous" 2>/dev/null)") continue ;; esac
  say "removing the old release $folder"
  rm -rf "$folder"
done

if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
  udevadm control --reload || true
  systemctl enable sightline-edge.service
  if [ "$start" = yes ]; then
    systemctl restart sightline-edge.service
    say "started; follow it with: journalctl -u sightline-edge -f"
  else
    say "check the configuration, then: sudo systemctl restart sightline-edge"
  fi
else
  say "systemd does not run here: the service is installed but neither enabled nor started"
fi
say "check: sudo -u sightline $prefix/current/node_modules/node/bin/node $prefix/current/dist/cli.js doctor --config $config/device.yaml"
