#!/bin/bash
# Power cuts under load: does everything that was acknowledged survive?
# proves: A15, A16
#
#   tests/powercut/run.sh HARNESS [CUTS]
#
# HARNESS is a program that mounts a disk, runs `--run CMD` on it ($DISK), copies the disk at a random moment as a
# power cut would leave it, and runs `--check CMD` on the copy. The first prints `ACK id` for each acknowledged message,
# the second `HAVE id` for each that survived: at the sink, in a mailbox, or sent on after a real restart.
# HARNESS may be several words, such as "python3 harness.py". WAYPOST and LEDGER, if both are set, are the programs to
# use; otherwise they are built. It needs root and loop devices.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)

configure() { # data directory
  printf '%s\n' "data_directory = \"$1\"" "settings = \"$STATE/settings.json\"" 'hostname = "mx.here.test"' \
    'relay_networks = ["127.0.0.0/8"]' '[[listener]]' 'name = "smtp"' "bind = \"127.0.0.1:$PORT\"" \
    '[limits]' 'messages_per_session_max = 1000000' 'disk_free_bytes_min = 1048576' > "$STATE/waypost.toml"
}

case ${1:-} in
--run)
  : > "$STATE/taken"
  configure "$DISK/data"
  "$LEDGER" take "$UP" >> "$STATE/taken" &
  "$WAYPOST" serve --config "$STATE/waypost.toml" > "$STATE/run.log" 2>&1 &
  exec "$LEDGER" send "$PORT"
  ;;
--check)
  configure "$DISK/data"
  "$LEDGER" take "$UP" >> "$STATE/taken" & up=$!
  "$LEDGER" take "$DOWN" >> "$STATE/taken" & down=$!
  "$WAYPOST" serve --config "$STATE/waypost.toml" > "$STATE/check.log" 2>&1 & waypost=$!
  trap 'kill -9 $up $down $waypost 2>/dev/null; wait 2>/dev/null || true' EXIT
  # Everything that is queued goes out; then the queue is empty.
  for _ in $(seq 300); do
    kill -0 $waypost 2>/dev/null || { tail -5 "$STATE/check.log"; exit 1; }
    left=$("$WAYPOST" queue list --json --config "$STATE/waypost.toml" | { grep -c '"recipient":' || true; }) || left=unknown
    [ "$left" = 0 ] && break
    sleep 0.2
  done
  "$WAYPOST" mailbox show --config "$STATE/waypost.toml" ann@here.test | grep -o 'ledger-[0-9]*' | sed 's/ledger-/HAVE /'
  sleep 0.3
  cat "$STATE/taken"
  [ "$left" = 0 ] || { echo "still queued: $left"; exit 1; }
  ;;
'') sed -n '2,11s/^# \{0,1\}//p' "$0"; exit 2 ;;
*)
  harness=$1 cuts=${2:-20}
  target=${CARGO_TARGET_DIR:-$top/target}
  if [ -z "${WAYPOST:-}" ] || [ -z "${LEDGER:-}" ]; then
    (cd "$top" && cargo build --quiet --release -p server -p e2e)
    WAYPOST=$target/release/waypost LEDGER=$target/release/ledger
  fi
  STATE=$(mktemp -d)
  trap 'rm -rf "$STATE"' EXIT
  export STATE WAYPOST LEDGER
  PORT=$("$LEDGER" port) UP=$("$LEDGER" port) DOWN=$("$LEDGER" port)
  export PORT UP DOWN
  relay() { printf '{"@type":"Relay","name":"%s","address":"127.0.0.1","port":%s}' "$1" "$2"; }
  cat > "$STATE/settings.json" <<JSON
{
  "SystemSettings": { "defaultHostname": "mx.here.test", "defaultDomain": "here.test" },
  "Domain": [{ "name": "here.test" }],
  "Account": [{ "name": "ann@here.test" }],
  "MtaRoute": [{ "@type": "Local", "name": "local" }, $(relay up "$UP"), $(relay down "$DOWN")],
  "MtaVirtualQueue": [{ "name": "quick", "threadsPerNode": 20 }],
  "MtaDeliverySchedule": [{
    "name": "quick", "queueId": "quick", "retry": { "@type": "Custom", "intervals": [{ "duration": 2000 }] }
  }],
  "MtaOutboundStrategy": {
    "route": {
      "match": [
        { "if": "is_local_domain(rcpt_domain)", "then": "'local'" },
        { "if": "rcpt_domain == 'later.test'", "then": "'down'" }
      ],
      "else": "'up'"
    },
    "schedule": { "else": "'quick'" }
  }
}
JSON
  unshare --mount -- $harness --cuts "$cuts" --run "bash '$here/run.sh' --run" --check "bash '$here/run.sh' --check"
  ;;
esac
