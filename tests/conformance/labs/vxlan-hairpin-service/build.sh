. ../../net.sh
underlay
node n1 1
node n2 2
uplink n1 1
uplink n2 2
pod p1 n1 1 veth1 2
pod p2 n2 2 veth2 2
tunnel n1 flannel.1 02:00:0a:f4:01:00 1 192.0.2.11 dev eth0 nolearning srcport 50000 50001
tunnel n2 flannel.1 02:00:0a:f4:02:00 1 192.0.2.12 dev eth0 nolearning srcport 50000 50001
ip -n n1 address add 10.244.1.0/32 dev flannel.1
ip -n n2 address add 10.244.2.0/32 dev flannel.1
far n1 flannel.1 02:00:0a:f4:02:00 192.0.2.12
far n2 flannel.1 02:00:0a:f4:01:00 192.0.2.11
knows n1 flannel.1 10.244.2.0 02:00:0a:f4:02:00 permanent
knows n2 flannel.1 10.244.1.0 02:00:0a:f4:01:00 permanent
ip -n n1 route add 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink
ip -n n2 route add 10.244.1.0/24 via 10.244.1.0 dev flannel.1 onlink
for n in n1 n2; do
  set_in $n net.bridge.bridge-nf-call-iptables=1
  rules $n <<R
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -d 192.0.2.12/32 -p tcp -m tcp --dport 30080 -j MARK --set-xmark 0x4000/0x4000
-A PREROUTING -d 192.0.2.12/32 -p tcp -m tcp --dport 30080 -m addrtype --dst-type LOCAL -j DNAT --to-destination 10.244.1.2:8080
-A PREROUTING -d 192.0.2.12/32 -p udp -m udp --dport 30053 -m addrtype --dst-type LOCAL -j DNAT --to-destination 10.244.1.2:53
-A POSTROUTING -m mark --mark 0x4000/0x4000 -j MASQUERADE
-A POSTROUTING -s 10.244.0.0/16 ! -d 10.244.0.0/16 -j MASQUERADE
COMMIT
R
done
