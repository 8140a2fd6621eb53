. ../../net.sh
fork_in_the_road
route r default via 10.0.2.2
route r default via 10.0.3.2 table 100
knows r left 10.0.1.1 02:00:0a:00:01:01
ip -n r rule add tos 0x10 lookup 100
