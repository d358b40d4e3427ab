#!/bin/bash
# Ranks on two machines: two network namespaces with an address each and a cable between. Runs tests of ranks that are
# processes, one rank in each.
# usage: two_machines.sh TESTS FILTER [TESTS FILTER ...]   ends with 77 (skipped) where namespaces may not be made
set -u
first=gadolin-$$-a second=gadolin-$$-b net=10.199.$((RANDOM % 250))
away() {
  ip netns del "$first" 2>/dev/null
  ip netns del "$second" 2>/dev/null
  rm -rf "$said"
}
said=$(mktemp -d)
trap away EXIT
make() {
  ip netns add "$first" && ip netns add "$second" &&
    ip link add gda$$ netns "$first" type veth peer name gdb$$ netns "$second" &&
    ip -n "$first" addr add "$net.1/24" dev gda$$ && ip -n "$second" addr add "$net.2/24" dev gdb$$ &&
    ip -n "$first" link set lo up && ip -n "$second" link set lo up &&
    ip -n "$first" link set gda$$ up && ip -n "$second" link set gdb$$ up
}
if ! make > "$said/made" 2>&1; then
  echo "SKIPPED: network namespaces cannot be made here: $(head -n 1 "$said/made")"
  exit 77
fi
export WORLD_SIZE=2 LOCAL_RANK=0 MASTER_ADDR=$net.1 MASTER_PORT=29500
while [ $# -gt 1 ]; do
  RANK=0 ip netns exec "$first" "$1" --gtest_filter="$2" > "$said/0" 2>&1 &
  RANK=1 ip netns exec "$second" "$1" --gtest_filter="$2" > "$said/1" 2>&1
  code=$?
  wait $!
  other=$?
  for rank in 0 1; do
    if [ $((code + other)) -ne 0 ] || ! grep -q '\[  PASSED  \] 1 test' "$said/$rank"; then
      cat "$said/0" "$said/1"
      echo "FAILED on two machines: $2"
      exit 1
    fi
  done
  echo "passed on two machines: $2"
  shift 2
done
