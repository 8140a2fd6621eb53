. ../../net.sh
chain a r b
ip -n r link set dev right mtu 1400
ip -n b link set dev left mtu 1400
knows a right 10.0.1.2 02:00:0a:00:01:02 permanent
knows r left 10.0.1.1 02:00:0a:00:01:01 permanent
knows r right 10.0.2.2 02:00:0a:00:02:02 permanent
knows b left 10.0.2.1 02:00:0a:00:02:01 permanent
tunnel a vx0 0e:00:00:00:01:00 5 10.0.1.1 remote 10.0.2.2 dev right df set
tunnel b vx0 0e:00:00:00:02:00 5 10.0.2.2 remote 10.0.1.1 dev left
address a vx0 10.1.0.1/24
address b vx0 10.1.0.2/24
knows a vx0 10.1.0.2 0e:00:00:00:02:00 permanent
knows b vx0 10.1.0.1 0e:00:00:00:01:00 permanent
