. ../../net.sh
underlay
for i in 1 2; do node node-$i $i; uplink node-$i $i; done
route node-1 10.244.2.0/24 via 192.0.2.12
route node-2 10.244.1.0/24 via 192.0.2.11
pod pod-1 node-1 1 veth0 2
pod pod-2 node-2 2 veth0 2
