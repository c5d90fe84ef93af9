import "@pulumi/pulumi";
import "@pulumi/kubernetes";
