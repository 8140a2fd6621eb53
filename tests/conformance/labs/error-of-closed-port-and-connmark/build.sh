. ../../net.sh
toll
rules b <<'END'
*raw
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A OUTPUT -p icmp -m connmark --mark 0x0 -m comment --comment "has a connection"
COMMIT
*filter
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A OUTPUT -p icmp -m conntrack --ctstate RELATED -j ACCEPT
COMMIT
END
