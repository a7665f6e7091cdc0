#!/bin/sh
# A FAKE gpioset for tests: keeps the level of each line in $FAKE_GPIO/LOG and behaves in time like the real one.
log="$FAKE_GPIO/log"
if [ "$1" = --version ]; then echo "gpioset (libgpiod) v$FAKE_GPIO_VERSION"; exit 0; fi
if [ -e "$FAKE_GPIO/broken" ]; then echo "gpioset: cannot open GPIO chip: Permission denied" >&2; exit 1; fi
for word in "$@"; do
  case "$word" in
    --sec=*) seconds=${word#--sec=} ;;
    --usec=*) microseconds=${word#--usec=} ;;
    *ms,0) milliseconds=${word%ms,0} ;;
    *=[01]) level=$word ;;
  esac
done
echo "$level" >> "$log"
if [ -n "$milliseconds" ]; then
  sleep "$(awk "BEGIN { print $milliseconds / 1000 }")"
  echo "${level%=1}=0" >> "$log"
elif [ -n "$seconds" ]; then
  sleep "$(awk "BEGIN { print $seconds + $microseconds / 1000000 }")"
fi
