. ../../net.sh
chain a r b
ip -n r link set dev right mtu 1500
ip -n b link set dev left mtu 1500
knows a right 10.0.1.2 02:00:0a:00:01:02 permanent
knows r left 10.0.1.1 02:00:0a:00:01:01 permanent
knows r right 10.0.2.2 02:00:0a:00:02:02 permanent
knows b left 10.0.2.1 02:00:0a:00:02:01 permanent
ip -n r route change 10.0.2.0/24 dev right mtu 900
route r 10.0.3.0/24 via 10.0.2.2 mtu 800
