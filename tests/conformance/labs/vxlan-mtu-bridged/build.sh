. ../../net.sh
segment a b
learnt sw a 02:00:0a:00:00:01
learnt sw b 02:00:0a:00:00:02
knows a eth0 10.0.0.2 02:00:0a:00:00:02 permanent
knows b eth0 10.0.0.1 02:00:0a:00:00:01 permanent
bar a br0 02:00:00:00:01:ff
space a1
wire a1 eth0 02:00:0a:01:00:01 a port1 02:00:00:00:01:01
plug a port1 br0
address a1 eth0 10.1.0.1/24
tunnel a vx0 0e:00:00:00:01:00 9 10.0.0.1 remote 10.0.0.2
plug a vx0 br0
learnt a port1 02:00:0a:01:00:01
learnt a vx0 02:00:0a:01:00:02
bar b br0 02:00:00:00:02:ff
space b1
wire b1 eth0 02:00:0a:01:00:02 b port1 02:00:00:00:02:01
plug b port1 br0
address b1 eth0 10.1.0.2/24
tunnel b vx0 0e:00:00:00:02:00 9 10.0.0.2 remote 10.0.0.1
plug b vx0 br0
learnt b port1 02:00:0a:01:00:02
learnt b vx0 02:00:0a:01:00:01
knows a1 eth0 10.1.0.2 02:00:0a:01:00:02 permanent
knows b1 eth0 10.1.0.1 02:00:0a:01:00:01 permanent
address a br0 10.1.0.11/24
knows a br0 10.1.0.2 02:00:0a:01:00:02 permanent
