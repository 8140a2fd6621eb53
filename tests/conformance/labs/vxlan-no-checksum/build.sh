. ../../net.sh
segment a b
knows a eth0 10.0.0.2 02:00:0a:00:00:02
knows b eth0 10.0.0.1 02:00:0a:00:00:01
learnt sw a 02:00:0a:00:00:01
learnt sw b 02:00:0a:00:00:02
tunnel a vx0 0e:00:00:00:01:00 5 10.0.0.1 noudpcsum srcport 1000 1001
address a vx0 10.1.0.1/24
far a vx0 0e:00:00:00:02:00 10.0.0.2 port 8472 vni 77
knows a vx0 10.1.0.2 0e:00:00:00:02:00
ip -n b link add name vx0 address 0e:00:00:00:02:00 type vxlan id 77 dstport 8472 local 10.0.0.2 remote 10.0.0.1
ip -n b link set dev vx0 up
address b vx0 10.1.0.2/24
