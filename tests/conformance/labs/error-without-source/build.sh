. ../../net.sh
space a r b
forwards r
wire a eth0 02:00:0a:00:01:01 r left 02:00:0a:00:01:02
wire r right 02:00:0a:00:02:01 b eth0 02:00:0a:00:02:02
address a eth0 10.0.1.1/24
address b eth0 10.0.2.2/24
route r 10.0.1.0/24 dev left
route r 10.0.2.0/24 dev right
route a default dev eth0
knows a eth0 10.0.2.2 02:00:0a:00:01:02 permanent
knows r left 10.0.1.1 02:00:0a:00:01:01 permanent
