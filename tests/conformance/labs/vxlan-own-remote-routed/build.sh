. ../../net.sh
space p a
forwards a
wire p eth0 02:00:0a:03:00:01 a port 02:00:0a:03:00:02
address p eth0 10.3.0.1/24
address a port 10.3.0.2/24
route p default via 10.3.0.2
knows p eth0 10.3.0.2 02:00:0a:03:00:02 permanent
knows a port 10.3.0.1 02:00:0a:03:00:01 permanent
ip -n a address add 10.0.0.1/32 dev lo
tunnel a vx0 0e:00:00:00:01:00 5 10.0.0.1
tunnel a vx1 0e:00:00:00:03:00 6 10.0.0.1
address a vx0 10.1.0.1/24
address a vx1 10.2.0.1/24
knows a vx0 10.1.0.2 0e:00:00:00:03:00 permanent
far a vx0 0e:00:00:00:03:00 10.0.0.1 vni 6
