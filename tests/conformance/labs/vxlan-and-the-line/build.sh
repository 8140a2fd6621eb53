. ../../net.sh
# a's tunnel floods to two ends: d itself, by r1, r2 and r3, and b, which takes the frame out and sends it on to d by r4. The
# first of them gets the last copy.
space a sw1 sw2 r1 r2 r3 r4 b d
forwards r1 r2 r3 r4 b
bar sw1 br0 02:00:00:00:01:ff
bar sw2 br0 02:00:00:00:02:ff
wire a eth0 02:00:0a:00:00:01 sw1 a 02:00:00:00:01:01
wire r1 left 02:00:0a:00:00:02 sw1 r1 02:00:00:00:01:02
wire b left 02:00:0a:00:00:03 sw1 b 02:00:00:00:01:03
wire r1 right 02:00:0a:00:01:01 r2 left 02:00:0a:00:01:02
wire r2 right 02:00:0a:00:02:01 r3 left 02:00:0a:00:02:02
wire b right 02:00:0a:00:03:01 r4 left 02:00:0a:00:03:02
wire r3 right 02:00:0a:00:09:01 sw2 r3 02:00:00:00:02:01
wire r4 right 02:00:0a:00:09:02 sw2 r4 02:00:00:00:02:02
wire d eth0 02:00:0a:00:09:03 sw2 d 02:00:00:00:02:03
for port in a r1 b; do plug sw1 "$port" br0; done
for port in r3 r4 d; do plug sw2 "$port" br0; done
address a eth0 10.0.0.1/24
address r1 left 10.0.0.2/24
address b left 10.0.0.3/24
address r1 right 10.0.1.1/24
address r2 left 10.0.1.2/24
address r2 right 10.0.2.1/24
address r3 left 10.0.2.2/24
address b right 10.0.3.1/24
address r4 left 10.0.3.2/24
address r3 right 10.0.9.1/24
address r4 right 10.0.9.2/24
address d eth0 10.0.9.3/24
route a 10.0.9.0/24 via 10.0.0.2
route r1 10.0.9.0/24 via 10.0.1.2
route r2 10.0.9.0/24 via 10.0.2.2
route b 10.0.9.0/24 via 10.0.3.2
route d default via 10.0.9.1
knows a eth0 10.0.0.2 02:00:0a:00:00:02 permanent
knows a eth0 10.0.0.3 02:00:0a:00:00:03 permanent
knows r1 right 10.0.1.2 02:00:0a:00:01:02 permanent
knows r2 right 10.0.2.2 02:00:0a:00:02:02 permanent
knows r3 right 10.0.9.3 02:00:0a:00:09:03 permanent
knows b right 10.0.3.2 02:00:0a:00:03:02 permanent
knows r4 right 10.0.9.3 02:00:0a:00:09:03 permanent
knows r3 left 10.0.2.1 02:00:0a:00:02:01 permanent
knows r2 left 10.0.1.1 02:00:0a:00:01:01 permanent
learnt sw1 a 02:00:0a:00:00:01
learnt sw1 r1 02:00:0a:00:00:02
learnt sw1 b 02:00:0a:00:00:03
learnt sw2 d 02:00:0a:00:09:03
learnt sw2 r3 02:00:0a:00:09:01
tunnel a vx0 02:00:0a:07:00:01 7 10.0.0.1 dev eth0 srcport 50000 50001
tunnel b vx0 02:00:0a:07:00:03 7 10.0.0.3 dev left srcport 50000 50001
far a vx0 00:00:00:00:00:00 10.0.0.3
far a vx0 00:00:00:00:00:00 10.0.9.3
address b vx0 10.7.0.3/24
