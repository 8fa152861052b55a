/** The services of AWS that functions can use, and the packages of the AWS SDK that implement them. */

interface AwsPackage {
  readonly name: string
  /** The client that it exports. */
  readonly client: string
}

const of = (name: string, client: string): AwsPackage => ({
  name: `@aws-sdk/client-${name}`,
  client: `${client}Client`
})

/** By the name that functions use: `context.services.get("aws").s3()`. */
export const packages: ReadonlyMap<string, AwsPackage> = new Map([
  ["athena", of("athena", "Athena")],
  ["batch", of("batch", "Batch")],
  ["cloudwatch", of("cloudwatch", "CloudWatch")],
  ["comprehend", of("comprehend", "Comprehend")],
  ["ec2", of("ec2", "EC2")],
  ["firehose", of("firehose", "Firehose")],
  ["glacier", of("glacier", "Glacier")],
  ["iot", of("iot", "IoT")],
  ["kinesis", of("kinesis", "Kinesis")],
  ["lambda", of("lambda", "Lambda")],
  ["lexruntimeservice", of("lex-runtime-service", "LexRuntimeService")],
  ["machinelearning", of("machine-learning", "MachineLearning")],
  ["polly", of("polly", "Polly")],
  ["rds", of("rds", "RDS")],
  ["redshift", of("redshift", "Redshift")],
  ["rekognition", of("rekognition", "Rekognition")],
  ["s3", of("s3", "S3")],
  ["ses", of("ses", "SES")],
  ["sfn", of("sfn", "SFN")],
  ["sns", of("sns", "SNS")],
  ["sqs", of("sqs", "SQS")],
  ["textract", of("textract", "Textract")]
])
