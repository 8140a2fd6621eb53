. ../../net.sh
segment a r1 r2
space b
forwards r1 r2
wire r1 right 02:00:0a:00:01:01 b left 02:00:0a:00:01:02
wire r2 right 02:00:0a:00:02:01 b right 02:00:0a:00:02:02
address r1 right 10.0.1.1/24
address r2 right 10.0.2.1/24
address b left 10.0.1.2/24
address b right 10.0.2.2/24
address b lo 10.9.9.9/32
route r1 10.9.9.9 via 10.0.1.2
route r2 10.9.9.9 via 10.0.2.2
route b default via 10.0.1.1
knows a eth0 10.0.0.2 02:00:0a:00:00:02 permanent
knows a eth0 10.0.0.3 02:00:0a:00:00:03 permanent
ip -n a rule add to 10.9.9.9 table 100
ip -n a route append default via 10.0.0.2 table 100
ip -n a route append default via 10.0.0.3 table 100
