. ../../net.sh
node node-1 1
pod pod-1 node-1 1 veth0 2
pod pod-2 node-1 1 veth1 3
knows pod-1 eth0 10.244.1.1 02:00:00:01:00:03 permanent
