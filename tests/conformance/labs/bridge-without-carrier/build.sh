. ../../net.sh
node node-1 1
pod pod-1 node-1 1 veth0 2
ip -n node-1 link set dev veth0 down
