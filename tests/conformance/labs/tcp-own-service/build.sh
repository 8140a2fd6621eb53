. ../../net.sh
toll
rule a nat -A OUTPUT -d 10.96.0.10 -p tcp --dport 80 -j DNAT --to-destination 10.0.2.2:8080
rule a nat -A OUTPUT -d 10.96.0.11 -p tcp --dport 80 -j DNAT --to-destination 10.0.1.1:9090
