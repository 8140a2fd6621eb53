. ../../net.sh
segment a b
knows a eth0 10.0.0.2 02:00:0a:00:00:02
knows b eth0 10.0.0.1 02:00:0a:00:00:01
learnt sw a 02:00:0a:00:00:01
learnt sw b 02:00:0a:00:00:02
space inner
ip -n a link add name vx0 address 0e:00:00:00:01:00 type vxlan id 5 dstport 4789 local 10.0.0.1 remote 10.0.0.2
ip -n a link set dev vx0 netns inner
ip -n inner link set dev vx0 up
address inner vx0 10.1.0.1/24
tunnel b vx0 0e:00:00:00:02:00 5 10.0.0.2 remote 10.0.0.1
address b vx0 10.1.0.2/24
