. ../../net.sh
chain a r s b
ip -n r link set dev right mtu 1200
ip -n s link set dev left mtu 1200
knows a right 10.0.1.2 02:00:0a:00:01:02 permanent
knows r left 10.0.1.1 02:00:0a:00:01:01 permanent
knows r right 10.0.2.2 02:00:0a:00:02:02 permanent
knows s left 10.0.2.1 02:00:0a:00:02:01 permanent
knows s right 10.0.3.2 02:00:0a:00:03:02 permanent
knows b left 10.0.3.1 02:00:0a:00:03:01 permanent
