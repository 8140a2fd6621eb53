. ../../net.sh
toll
rule r nat -A PREROUTING -p tcp --dport 80 -j REDIRECT --to-ports 8080
