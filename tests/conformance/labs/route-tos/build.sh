. ../../net.sh
fork_in_the_road
route r 10.9.0.0/16 via 10.0.2.2
route r 10.9.0.0/16 tos 0x10 via 10.0.3.2
knows r left 10.0.1.1 02:00:0a:00:01:01
knows a eth0 10.0.1.2 02:00:0a:00:01:02
