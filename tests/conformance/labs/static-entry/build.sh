. ../../net.sh
segment a b c
ip -n sw link set br0 type bridge ageing_time 100
bridge -n sw fdb add 02:00:0a:00:00:77 dev c master static
