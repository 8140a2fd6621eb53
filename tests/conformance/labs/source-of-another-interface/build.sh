. ../../net.sh
underlay
node node-1 1
node node-2 2
uplink node-1 1
uplink node-2 2
pod pod-1 node-1 1 veth0 2
pod pod-2 node-2 2 veth0 2
route node-1 10.244.2.0/24 via 192.0.2.12
route node-2 10.244.1.0/24 via 192.0.2.11
route node-1 198.51.100.0/24 via 192.0.2.12 src 10.244.1.1
