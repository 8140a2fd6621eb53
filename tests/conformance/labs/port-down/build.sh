. ../../net.sh
node node-1 1
pod pod-1 node-1 1 veth0 2
pod pod-2 node-1 1 veth1 3
pod pod-3 node-1 1 veth2 4
ip -n node-1 link set veth1 down
