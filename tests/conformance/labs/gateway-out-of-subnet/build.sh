. ../../net.sh
space pod-1 node-1
forwards node-1
wire pod-1 eth0 02:00:0a:00:00:01 node-1 veth0 02:00:0a:00:00:02
address pod-1 eth0 10.244.1.2/32
address node-1 veth0 169.254.1.1/32
route node-1 10.244.1.2/32 dev veth0
route pod-1 169.254.1.1/32 dev eth0 scope link
route pod-1 default via 169.254.1.1
