. ../../net.sh
underlay
node node-1 1
uplink node-1 1
pod pod-1 node-1 1 veth0 2
node node-2 2
uplink node-2 2
pod pod-2 node-2 2 veth0 2
tunnel node-1 flannel.1 0e:00:00:00:01:00 1 192.0.2.11 dev eth0 nolearning
address node-1 flannel.1 10.244.1.0/32
route node-1 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink
knows node-1 flannel.1 10.244.2.0 0e:00:00:00:02:00 permanent
far node-1 flannel.1 0e:00:00:00:02:00 192.0.2.12
tunnel node-2 flannel.1 0e:00:00:00:02:00 1 192.0.2.12 dev eth0 nolearning
address node-2 flannel.1 10.244.2.0/32
route node-2 10.244.1.0/24 via 10.244.1.0 dev flannel.1 onlink
knows node-2 flannel.1 10.244.1.0 0e:00:00:00:01:00 permanent
far node-2 flannel.1 0e:00:00:00:01:00 192.0.2.11
