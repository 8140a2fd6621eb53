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
node node-3 3
uplink node-3 3
knows pod-1 eth0 10.244.1.1 02:00:0a:f4:01:01 permanent
knows node-1 vbr0 10.244.1.2 02:00:0a:f4:01:02 permanent
learnt node-1 veth0 02:00:0a:f4:01:02
knows node-1 eth0 192.0.2.12 02:00:c0:00:02:12 permanent
knows pod-2 eth0 10.244.2.1 02:00:0a:f4:02:01 permanent
knows node-2 vbr0 10.244.2.2 02:00:0a:f4:02:02 permanent
learnt node-2 veth0 02:00:0a:f4:02:02
knows node-2 eth0 192.0.2.11 02:00:c0:00:02:11 permanent
