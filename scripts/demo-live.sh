#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Port knocking in the kernel (XDP), in front of a TCP service, between two network namespaces:
#
#     client 10.0.0.1  eth0 ------------ eth0 ( port_knocking )  10.0.0.100 server, TCP port 22
#
#   scripts/demo-live.sh BUILD_DIRECTORY             needs root
#   scripts/demo-live.sh --possible BUILD_DIRECTORY  says why not, and fails, where it cannot run
#
# Everything is made here and gone afterwards: namespaces, devices, the BPF file system.
set -euo pipefail
cd "$(dirname "$0")/.."

possible() {
    local tool
    if [ "$(id -u)" -ne 0 ]; then
        echo "programs in the kernel need root (sudo make demo)"
        return 1
    fi
    for tool in ip nsenter clang; do
        command -v $tool >/dev/null || { echo "$tool is not installed"; return 1; }
    done
    "$1/beba" build --help >/dev/null 2>&1 || { echo "this beba was built without libbpf"; return 1; }
    unshare --net true 2>/dev/null || { echo "network namespaces are not to be had here"; return 1; }
}
if [ "$1" = --possible ]; then
    possible "$2"
    exit
fi
build=$(cd "$1" && pwd)
client=beba-demo-$$-client server=beba-demo-$$-server
where=$(mktemp -d)
service=
bold='' plain=''
if [ -t 1 ]; then
    bold=$'\033[1m' plain=$'\033[0m'
fi

clean() {
    [ -z "$service" ] || kill "$service" 2>/dev/null || true
    ip netns del "$client" 2>/dev/null || true
    ip netns del "$server" 2>/dev/null || true
    umount "$where" 2>/dev/null || true
    rmdir "$where"
}
trap clean EXIT

# In the namespace's network, with this shell's mounts: what is pinned stays.
in_net() {
    local name=$1
    shift
    nsenter --net="/run/netns/$name" "$@"
}

beba() {
    printf '%s$ beba %s%s\n' "$bold" "$*" "$plain"
    in_net "$server" "$build/beba" "$@"
}

knock() {
    in_net "$client" bash -c "echo knock >/dev/udp/10.0.0.100/$1"
    echo "client: knocks on $1"
}

try_ssh() {
    if in_net "$client" timeout 1 bash -c 'exec 3<>/dev/tcp/10.0.0.100/22 && head -1 <&3' 2>/dev/null; then
        echo "client: port 22 is open"
    else
        echo "client: port 22 does not answer"
    fi
}

mount -t bpf bpf "$where"
export BEBA_BPFFS=$where
ip netns add "$client"
ip netns add "$server"
ip -n "$client" link add eth0 type veth peer name eth0 netns "$server"
ip -n "$client" address add 10.0.0.1/24 dev eth0
ip -n "$server" address add 10.0.0.100/24 dev eth0
ip -n "$client" link set eth0 up
ip -n "$server" link set eth0 up
in_net "$server" python3 -c '
import socketserver
class Greet(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(b"server: hello\n")
socketserver.TCPServer(("10.0.0.100", 22), Greet).serve_forever()' &
service=$!

beba attach examples/port_knocking.xfsm --dev eth0
try_ssh
for port in 1111 2222 3333 4444; do
    knock $port
done
try_ssh
beba show flows port_knocking
beba show counters port_knocking
beba detach port_knocking
