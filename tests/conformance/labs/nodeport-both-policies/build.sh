. ../../net.sh
underlay
node n1 1
node n2 2
uplink n1 1
uplink n2 2
pod p1 n1 1 veth1 2
pod p2 n2 2 veth2 2
space out
wire out eth0 02:00:c0:00:02:63 switch out 02:00:00:00:ff:63
plug switch out sw0
address out eth0 192.0.2.99/24
route n1 10.244.2.0/24 via 192.0.2.12
route n2 10.244.1.0/24 via 192.0.2.11
for n in n1 n2; do
  set_in $n net.bridge.bridge-nf-call-iptables=1 net.ipv4.conf.all.route_localnet=1
  local_ep=""; [ $n = n2 ] && local_ep="-A KUBE-SVL-LOCAL -j KUBE-SEP-P2"
  rules $n <<R
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:KUBE-EXTERNAL-SERVICES - [0:0]
:KUBE-FORWARD - [0:0]
-A INPUT -m conntrack --ctstate NEW -j KUBE-EXTERNAL-SERVICES
-A FORWARD -j KUBE-FORWARD
$([ $n = n1 ] && echo '-A KUBE-EXTERNAL-SERVICES -p tcp -m addrtype --dst-type LOCAL -m tcp --dport 30081 -j DROP')
-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
-A KUBE-FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT
-A KUBE-FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:KUBE-NODEPORTS - [0:0]
:KUBE-EXT-CLUSTER - [0:0]
:KUBE-EXT-LOCAL - [0:0]
:KUBE-SVC - [0:0]
:KUBE-SVL-LOCAL - [0:0]
:KUBE-SEP-P2 - [0:0]
:KUBE-MARK-MASQ - [0:0]
:KUBE-POSTROUTING - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS
-A OUTPUT -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS
-A POSTROUTING -j KUBE-POSTROUTING
-A POSTROUTING -s 10.244.0.0/16 ! -d 10.244.0.0/16 -j MASQUERADE
-A KUBE-NODEPORTS -p tcp -m tcp --dport 30080 -j KUBE-EXT-CLUSTER
-A KUBE-NODEPORTS -p tcp -m tcp --dport 30081 -j KUBE-EXT-LOCAL
-A KUBE-EXT-CLUSTER -j KUBE-MARK-MASQ
-A KUBE-EXT-CLUSTER -j KUBE-SVC
-A KUBE-EXT-LOCAL -s 10.244.0.0/16 -j KUBE-SVC
-A KUBE-EXT-LOCAL -m addrtype --src-type LOCAL -j KUBE-MARK-MASQ
-A KUBE-EXT-LOCAL -m addrtype --src-type LOCAL -j KUBE-SVC
-A KUBE-EXT-LOCAL -j KUBE-SVL-LOCAL
-A KUBE-SVC -j KUBE-SEP-P2
$local_ep
-A KUBE-SEP-P2 -s 10.244.2.2/32 -j KUBE-MARK-MASQ
-A KUBE-SEP-P2 -p tcp -m tcp -j DNAT --to-destination 10.244.2.2:8080
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0
-A KUBE-POSTROUTING -j MASQUERADE
COMMIT
R
done
