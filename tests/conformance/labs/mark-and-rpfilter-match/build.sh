. ../../net.sh
fork_in_the_road

route r 10.9.0.0/16 via 10.0.2.2
route r default via 10.0.3.2 table 100
route r 10.0.1.0/24 dev left table 100
ip -n r rule add fwmark 1 table 100
rules r <<'RULES'
*mangle
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -i up2 -j MARK --set-xmark 0x1/0xffffffff
-A PREROUTING -i up2 -p udp -m udp --dport 1 -m rpfilter --validmark -j ACCEPT
-A PREROUTING -i up2 -p udp -m udp --dport 2 -m rpfilter -j ACCEPT
-A PREROUTING -i up2 -p udp -m udp --dport 3 -m rpfilter --loose -j ACCEPT
-A PREROUTING -i up2 -j DROP
COMMIT
RULES
