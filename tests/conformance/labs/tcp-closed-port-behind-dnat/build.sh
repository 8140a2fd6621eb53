. ../../net.sh
toll
rule r nat -A PREROUTING -d 10.96.0.10 -p tcp --dport 80 -j DNAT --to-destination 10.0.2.2:8080
