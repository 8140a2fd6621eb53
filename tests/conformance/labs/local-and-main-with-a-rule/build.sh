. ../../net.sh
chain a r b
route r local 10.9.0.0/16 dev lo
route r 10.9.1.0/24 via 10.0.2.2
route b local 10.9.1.0/24 dev lo
ip -n r rule add from 192.0.2.1 lookup 100
