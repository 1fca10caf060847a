#!/bin/sh
# Verifies the hash chain of audit files, given in their order, with nothing but a POSIX shell and sha256sum.
# The hash of a record is that of its stored bytes up to `,"hash":"`; that suffix always has 75 bytes.
set -eu
export LC_ALL=C
prev=0000000000000000000000000000000000000000000000000000000000000000
count=0
for file in "$@"; do
  while IFS= read -r line; do
    suffix=${line##*,\"hash\":\"}
    hash=${suffix%\"\}}
    body=${line%,\"hash\":\"*}
    case $body in
      *",\"prev_hash\":\"$prev\"") ;;
      *) echo "$file, record $count: does not follow the one before" >&2; exit 1 ;;
    esac
    sum=$(printf %s "$body" | sha256sum)
    if [ "${sum%% *}" != "$hash" ]; then
      echo "$file, record $count: was changed" >&2
      exit 1
    fi
    prev=$hash
    count=$((count + 1))
  done <"$file"
done
if [ "$count" = 0 ]; then
  echo "there is no record: the log was cut" >&2
  exit 1
fi
echo "$count records, the last one is $prev"
