. ../../net.sh
segment a b
knows a eth0 10.0.0.2 02:00:0a:00:00:02
knows b eth0 10.0.0.1 02:00:0a:00:00:01
learnt sw a 02:00:0a:00:00:01
learnt sw b 02:00:0a:00:00:02
tunnel a vx0 0e:00:00:00:01:00 5 10.0.0.1
tunnel a vx1 0e:00:00:00:03:00 6 10.0.0.1
address a vx0 10.1.0.1/24
address a vx1 10.2.0.1/24
ip -n a neighbour add 10.1.0.2 lladdr 0e:00:00:00:03:00 dev vx0 nud permanent
ip -n a neighbour add 10.1.0.3 lladdr 0e:00:00:00:02:00 dev vx0 nud permanent
far a vx0 0e:00:00:00:03:00 10.0.0.1 vni 6
far a vx0 0e:00:00:00:02:00 10.0.0.1 vni 7
