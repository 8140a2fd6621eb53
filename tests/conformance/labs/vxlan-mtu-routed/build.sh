. ../../net.sh
segment a b
learnt sw a 02:00:0a:00:00:01
learnt sw b 02:00:0a:00:00:02
knows a eth0 10.0.0.2 02:00:0a:00:00:02 permanent
knows b eth0 10.0.0.1 02:00:0a:00:00:01 permanent
tunnel a vx0 0e:00:00:00:01:00 5 10.0.0.1 remote 10.0.0.2
tunnel b vx0 0e:00:00:00:02:00 5 10.0.0.2 remote 10.0.0.1
address a vx0 10.1.0.1/24
address b vx0 10.1.0.2/24
knows a vx0 10.1.0.2 0e:00:00:00:02:00 permanent
knows b vx0 10.1.0.1 0e:00:00:00:01:00 permanent
forwards a
space p
wire p eth0 02:00:0a:03:00:01 a port 02:00:0a:03:00:02
address p eth0 10.3.0.1/24
address a port 10.3.0.2/24
route p default via 10.3.0.2
route b 10.3.0.0/24 via 10.1.0.1
knows p eth0 10.3.0.2 02:00:0a:03:00:02 permanent
knows a port 10.3.0.1 02:00:0a:03:00:01 permanent
