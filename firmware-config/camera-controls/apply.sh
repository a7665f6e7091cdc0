#!/bin/sh
# Sets the controls of a camera from a preset: apply.sh usb-uvc.conf /dev/video0
# A control the camera does not have is named and skipped, the others are set; exit 1 tells of any.
set -u
[ $# -eq 2 ] || { echo "usage: apply.sh PRESET.conf DEVICE" >&2; exit 2; }
case "$1" in */*) preset=$1 ;; *) preset="$(dirname "$0")/$1" ;; esac
device=$2
[ -r "$preset" ] || { echo "apply.sh: $preset cannot be read" >&2; exit 2; }
command -v v4l2-ctl >/dev/null || { echo "apply.sh: v4l2-ctl is missing: sudo apt-get install v4l-utils" >&2; exit 1; }
[ -c "$device" ] || { echo "apply.sh: $device is no camera that is plugged in" >&2; exit 1; }
failed=0
while IFS= read -r line; do
  case "$line" in ''|'#'*) continue ;; esac
  v4l2-ctl --device "$device" --set-ctrl "$line" || { echo "apply.sh: $device did not take $line" >&2; failed=$((failed + 1)); }
done < "$preset"
echo "apply.sh: $device set from $preset, $failed controls not taken"
[ "$failed" -eq 0 ]
