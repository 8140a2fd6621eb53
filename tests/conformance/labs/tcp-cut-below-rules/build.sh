. ../../net.sh
toll
rules b <<'END'
*mangle
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A OUTPUT -p tcp -m length --length 1501:65535 -m comment --comment "longer than the link carries"
-A POSTROUTING -p tcp -m length --length 1501:65535 -j MARK --set-xmark 0x1/0xffffffff
COMMIT
*filter
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -p tcp -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT
-A OUTPUT -p tcp -m conntrack --ctstate ESTABLISHED -j ACCEPT
COMMIT
END
